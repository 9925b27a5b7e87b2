interface Http {
  readonly http: string;
}

interface Both extends Http {
  /** host:port */
  readonly grpc: string;
}

/** `endpoints.json`: how clients find a running fabric. */
export interface Endpoints {
  readonly authz: Both;
  readonly token: Http;
  readonly "policy-compiler": Http;
  readonly approvals: Both;
  readonly budget: Both;
  readonly audit: Http;
  /** nats://host:port */
  readonly nats: string;
  /** Connection string of a role that can read what an operator may see. */
  readonly postgres: string;
  /** Connection string of the database's superuser (dev only). */
  readonly postgresSuperuser: string;
  /** OIDC issuer of operators. */
  readonly issuer: string;
  readonly replicas: { readonly authz: readonly (Both & { readonly pid: number })[] };
}

type Shape = ((value: unknown) => boolean) | { readonly [member: string]: Shape };

const text: Shape = (value) => typeof value === "string";
const url: Shape = (value) => typeof value === "string" && URL.canParse(value);
const http: Shape = { http: url };
const both: Shape = { http: url, grpc: text };
const replica: Shape = { ...both, pid: Number.isSafeInteger };

const document: Readonly<Record<keyof Endpoints, Shape>> = {
  authz: both,
  token: http,
  "policy-compiler": http,
  approvals: both,
  budget: both,
  audit: http,
  nats: text,
  postgres: text,
  postgresSuperuser: text,
  issuer: url,
  replicas: { authz: (value) => Array.isArray(value) && value.every((one) => fits(replica, one)) },
};

const fits = (shape: Shape, value: unknown): boolean =>
  typeof shape === "function"
    ? shape(value)
    : typeof value === "object" &&
      value !== null &&
      Object.entries(shape).every(([member, inner]) => fits(inner, (value as Readonly<Record<string, unknown>>)[member]));

/** What `endpoints.json` held, once parsed; undefined when it does not describe a fabric. By hand: every command waits for it. */
export const readEndpoints = (parsed: unknown): Endpoints | undefined => (fits(document, parsed) ? (parsed as Endpoints) : undefined);
