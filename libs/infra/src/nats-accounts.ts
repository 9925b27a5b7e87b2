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

/** Who has a login, and what is heard without one. */
export interface NatsLogins {
  /** All of one account, which alone has JetStream. Default: no login at all, which only tests want. */
  readonly users?: readonly NatsUser[];
  /**
   * Subjects that someone without a login hears, and all of what it may do: it cannot publish, nor reach JetStream.
   * Default: without a login there is no connection, when there are users.
   */
  readonly observable?: readonly string[];
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
export function accountsConfiguration({ users, observable }: NatsLogins, observerPassword: string): Record<string, unknown> {
  if (users === undefined) return {};
  const account = {
    jetstream: "enabled",
    users: users.map(({ permissions, ...login }) => ({
      ...login,
      ...(permissions === undefined ? {} : { permissions: allowing(permissions) }),
    })),
  };
  if (observable === undefined) return { authorization: { timeout: 5 }, accounts: { [usersAccount]: account } };
  const anonymous = { user: "anonymous", password: observerPassword, permissions: hearing(observable) };
  return {
    authorization: { timeout: 5 },
    accounts: {
      [usersAccount]: { ...account, exports: observable.map((stream) => ({ stream })) },
      [observersAccount]: {
        users: [anonymous],
        imports: observable.map((subject) => ({ stream: { account: usersAccount, subject } })),
      },
    },
    no_auth_user: anonymous.user,
  };
}

function allowing({ publish, subscribe }: NatsPermissions) {
  return { publish: { allow: publish }, subscribe: { allow: subscribe } };
}

/** Clients listen on an inbox before they ask anything; in this account none is ever written to. */
function hearing(observable: readonly string[]) {
  return { publish: { deny: [">"] }, subscribe: { allow: [...observable, "_INBOX.>"] } };
}
