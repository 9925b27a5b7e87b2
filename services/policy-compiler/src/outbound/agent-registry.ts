import { callJson } from "@aegis/http/client";
import type { RegisteredAgent } from "@aegis/policy/analysis/drift";
import type { AgentRegistry } from "#usecases/analysis-ports.ts";
import { known } from "./recorded-decisions.ts";

/** Reads the registry of agents from token, in the name of who asks. */
export function agentRegistry(url: string | undefined): AgentRegistry {
  return {
    async agents({ tenant, authorization }) {
      const all: RegisteredAgent[] = [];
      for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
        const query = new URLSearchParams({ tenant, limit: "500", ...(cursor === undefined ? {} : { cursor }) });
        const page = await callJson<{ agents: RegisteredAgent[]; next?: string }>(`${known(url)}/v1/agents?${query}`, {
          headers: { authorization },
        });
        all.push(...page.agents.map(({ agent, state, createdAt }) => ({ agent, state, createdAt })));
        cursor = page.next;
      }
      return all;
    },
  };
}
