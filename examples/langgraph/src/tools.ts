import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tool } from "langchain";
import { z } from "zod";

/** What really reached the tools: the payments made and the records read. */
export interface Effects {
  readonly payments: Record<string, unknown>[];
  readonly reads: string[];
}

/** A payment system and a records system on loopback: what the agents act on. */
export async function startToolServer(): Promise<AsyncDisposable & { readonly url: string; readonly effects: Effects }> {
  const effects: Effects = { payments: [], reads: [] };
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString();
    if (request.method === "POST" && request.url === "/payments") {
      effects.payments.push(JSON.parse(body) as Record<string, unknown>);
      return response.end(`paid, reference ${effects.payments.length}`);
    }
    effects.reads.push(request.url ?? "");
    return response.end("blood pressure 120/80");
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    effects,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The tools as LangChain sees them. */
export function toolsOn(url: string, tenant: string) {
  const createPayment = tool(
    async (payment) => (await fetch(`${url}/payments`, { method: "POST", body: JSON.stringify(payment) })).text(),
    {
      name: "create_payment",
      description: "Pays a supplier.",
      schema: z.object({ amount: z.number(), currency: z.string(), recipient: z.string(), memo: z.string().optional() }),
    },
  );
  const readRecords = tool(async ({ patient }) => (await fetch(`${url}/patients/${tenant}/records/${patient}`)).text(), {
    name: "read_records",
    description: "Reads a patient's records.",
    schema: z.object({ patient: z.string() }),
  });
  const exportRecords = tool(async ({ patient }) => (await fetch(`${url}/export/${patient}`, { method: "POST" })).text(), {
    name: "export_records",
    description: "Exports a patient's records.",
    schema: z.object({ patient: z.string() }),
  });
  return { createPayment, readRecords, exportRecords };
}
