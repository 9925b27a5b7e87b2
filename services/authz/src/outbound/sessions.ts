import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { AegisError } from "@aegis/contracts/errors";
import { stores } from "@aegis/contracts/subjects";
import { z } from "zod";
import type { Sessions } from "#usecases/ports.ts";

const stored = z.object({ labels: z.array(z.string()), calls: z.array(z.string()) });

/** Session facts in the `sessions` bucket. A reading may be old; a write that follows from it then fails. */
export async function sessionStore(bus: Bus): Promise<Sessions> {
  const bucket = await openBucket(bus, stores.sessions);
  return {
    async read(tenant, session) {
      const entry = await bucket.get(keyOf(tenant, session));
      if (entry === undefined) return { facts: { labels: [], calls: [] }, revision: 0 };
      return { facts: stored.parse(JSON.parse(Buffer.from(entry.value).toString())), revision: entry.revision };
    },
    async write(tenant, session, { facts, revision }) {
      const key = keyOf(tenant, session);
      const text = JSON.stringify(facts);
      try {
        await (revision === 0 ? bucket.create(key, text) : bucket.update(key, text, revision));
        return true;
      } catch (error) {
        if (AegisError.from(error).code === "conflict") return false;
        throw error;
      }
    },
  };
}

const keyOf = (tenant: string, session: string): string => `${tenant}.${Buffer.from(session).toString("base64url")}`;
