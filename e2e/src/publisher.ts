import type { Tenant } from "./tenant.ts";

/** What publishing a set came to. */
export interface PublishedRevision {
  readonly revision: number;
  readonly version: string;
  readonly digest: string;
  readonly barrier?: {
    readonly prepared: number;
    readonly live: number;
    readonly milliseconds: number;
    readonly late: string[];
    readonly skew?: number;
  };
}

/** Publishes over HTTP, as a pipeline would, when the CLI's own start would be most of the time. */
export interface Publisher {
  publish(text: string, options?: { readonly barrier?: boolean }): Promise<PublishedRevision>;
  /** Resolves once every live replica of authz enforces the revision; to how many those are. */
  enforced(revision: number): Promise<number>;
}

export async function publisherOf({ cli, fabric, name }: Pick<Tenant, "cli" | "fabric" | "name">): Promise<Publisher> {
  const { access_token: bearer } = await cli.json<{ access_token: string }>([
    ...["operator", "token", "--user", "pipeline@acme.test", "--role", "policy-author", "--tenant", name],
  ]);
  const url = `${fabric.endpoints["policy-compiler"].http}/v1/tenants/${name}`;
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  const json = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const answer = await fetch(`${url}${path}`, { headers, ...init });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  return {
    publish: (text, { barrier = false } = {}) =>
      json("/revisions", { method: "POST", body: JSON.stringify({ files: [{ name: "policy.yaml", text }], barrier }) }),
    async enforced(revision) {
      const state = await json<{ enforcedOn: number; live: number }>(`/activations/${revision}?wait=20`);
      if (state.live === 0 || state.enforcedOn < state.live)
        throw new Error(`revision ${revision} is enforced on ${state.enforcedOn} of ${state.live} replicas after 20 s`);
      return state.live;
    },
  };
}
