import { z } from "zod";

const http = z.object({ http: z.url() });
const both = z.object({ http: z.url(), /** host:port */ grpc: z.string() });

/** `endpoints.json`: how clients find a running fabric. */
export const endpoints = z.object({
  authz: both,
  token: http,
  "policy-compiler": http,
  approvals: both,
  budget: both,
  audit: http,
  /** nats://host:port */
  nats: z.string(),
  /** Connection string of a role that can read what an operator may see. */
  postgres: z.string(),
  /** Connection string of the database's superuser (dev only). */
  postgresSuperuser: z.string(),
  /** OIDC issuer of operators. */
  issuer: z.url(),
  replicas: z.object({ authz: z.array(both.extend({ pid: z.int() })) }),
});

export type Endpoints = z.infer<typeof endpoints>;
