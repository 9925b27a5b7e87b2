import { tenantApiPrefix } from "@aegis/contracts/subjects";

/** Allow-lists of subjects; everything else is refused. */
interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

interface NatsUser {
  readonly user: string;
  readonly password: string;
  /** Default: everything in the users' account. */
  readonly permissions?: NatsPermissions;
}

/** A tenant's own login, in an account of its own: it hears these subjects and reads one durable consumer, and no more. */
export interface TenantLogin {
  readonly user: string;
  readonly password: string;
  readonly hears: readonly string[];
  readonly stream: string;
  readonly durable: string;
}

/** Who has a login, and what is heard without one. */
export interface NatsLogins {
  /** All of one account, which alone has JetStream. Default: no login at all, which only tests want. */
  readonly users?: readonly NatsUser[];
  /**
   * Subjects that someone without a login hears, and all of what it may do: it cannot publish, nor reach JetStream.
   * Default: without a login there is no connection, when there are users.
   */
  readonly observable?: readonly string[];
  /** Tenants that read their own events. */
  readonly tenants?: readonly TenantLogin[];
}

/** The account of all users; JetStream keeps its files under this name. */
export const usersAccount = "AEGIS";

const observersAccount = "OBSERVER";

/**
 * The part of nats-server's configuration (2.9 or newer) that says who may do what. Permissions alone would not hold back someone
 * without a login: whoever may call JetStream names the subject its answers and deliveries go to, and the server itself writes
 * there, whatever that caller may publish. Between accounts nothing passes but what one exports and the other imports.
 * `observerPassword` is for a user whom no client logs in as.
 */
export function accountsConfiguration(
  { users, observable = [], tenants = [] }: NatsLogins,
  observerPassword: string,
): Record<string, unknown> {
  if (users === undefined) return {};
  const anonymous = { user: "anonymous", password: observerPassword, permissions: hearing(observable) };
  const exported = [...observable.map((stream) => ({ stream })), ...tenants.flatMap(exportsTo)];
  const account = {
    jetstream: "enabled",
    users: users.map(({ permissions, ...login }) => ({
      ...login,
      ...(permissions === undefined ? {} : { permissions: allowing(permissions) }),
    })),
    ...(exported.length === 0 ? {} : { exports: exported }),
  };
  const observer = { users: [anonymous], imports: observable.map((subject) => ({ stream: { account: usersAccount, subject } })) };
  return {
    authorization: { timeout: 5 },
    accounts: {
      [usersAccount]: account,
      ...(observable.length === 0 ? {} : { [observersAccount]: observer }),
      ...Object.fromEntries(tenants.map((tenant) => [accountOf(tenant), tenantAccount(tenant)])),
    },
    ...(observable.length === 0 ? {} : { no_auth_user: anonymous.user }),
  };
}

/**
 * What a server of somebody else's needs for a tenant: its account, and what the services' account must export to it. Accounts are by
 * name, as a configuration has them; the services' account is called as ours is.
 */
export const tenantAccounts = (tenant: TenantLogin): Record<string, unknown> => ({
  accounts: { [accountOf(tenant)]: tenantAccount(tenant) },
  exports: { [usersAccount]: exportsTo(tenant) },
});

const accountOf = ({ user }: TenantLogin): string => user.toUpperCase().replaceAll("-", "_");

interface Service {
  readonly subject: string;
  /** What it is called in the tenant's account. */
  readonly to: string;
}

/**
 * What a client asks JetStream for when it pulls from a durable consumer, and how it acknowledges. Under the usual prefix an
 * account without JetStream has an API of its own, which refuses.
 */
function pulling({ stream, durable }: TenantLogin): Service[] {
  const call = (name: string) => ({
    subject: `$JS.API.${name}.${stream}.${durable}`,
    to: `${tenantApiPrefix}.${name}.${stream}.${durable}`,
  });
  const acknowledgement = `$JS.ACK.${stream}.${durable}.>`;
  return [call("CONSUMER.INFO"), call("CONSUMER.MSG.NEXT"), { subject: acknowledgement, to: acknowledgement }];
}

function exportsTo(tenant: TenantLogin): Record<string, unknown>[] {
  const accounts = [accountOf(tenant)];
  return [
    ...tenant.hears.map((stream) => ({ stream, accounts })),
    // Many messages answer one request.
    ...pulling(tenant).map(({ subject }) => ({ service: subject, accounts, response_type: "stream" })),
  ];
}

/**
 * The account is what keeps tenants apart: an answer goes to whatever subject the asker names, but within the account that asked.
 */
function tenantAccount(tenant: TenantLogin): Record<string, unknown> {
  const { user, password, hears } = tenant;
  return {
    users: [
      {
        user,
        password,
        permissions: allowing({ publish: pulling(tenant).map(({ to }) => to), subscribe: [...hears, "_INBOX.>", `_INBOX_${user}.>`] }),
      },
    ],
    imports: [
      ...hears.map((subject) => ({ stream: { account: usersAccount, subject } })),
      ...pulling(tenant).map(({ subject, to }) => ({ service: { account: usersAccount, subject }, to })),
    ],
  };
}

function allowing({ publish, subscribe }: NatsPermissions) {
  return { publish: { allow: publish }, subscribe: { allow: subscribe } };
}

/** Clients listen on an inbox before they ask anything; in this account none is ever written to. */
function hearing(observable: readonly string[]) {
  return { publish: { deny: [">"] }, subscribe: { allow: [...observable, "_INBOX.>"] } };
}
