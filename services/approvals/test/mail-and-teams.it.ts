import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Peer, peer } from "./peer.ts";
import { call, cast, hold, operatorToken, type Running, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;
let workflow: Peer;
let mail: { server: Server; taken: { to: string; text: string }[]; refuse: number };

beforeAll(async () => {
  around = await surroundings();
  workflow = await peer();
  mail = { ...(await smtpPeer()) };
  await around.secret("acme", "flow", `${workflow.url}/workflows/1?sig=s3cret`);
  await around.secret("acme", "smtp", `smtp://127.0.0.1:${(mail.server.address() as AddressInfo).port}`);
  service = await around.start("approvals-0", { CONSOLE_URL: "https://console.acme.test" });
  await put("flow", { kind: "teams", webhook: "flow" });
  await put("mail", { kind: "email", smtp: "smtp", from: "aegis@acme.test", to: ["ann@acme.test", "bob@acme.test"] });
});
afterAll(async () => {
  await around?.[Symbol.asyncDispose]();
  await workflow?.[Symbol.asyncDispose]();
  mail?.server.close();
});

async function put(name: string, target: object): Promise<void> {
  const token = await operatorToken(around, "ada@acme.test", { acme: ["admin"] });
  expect((await call(token, "PUT", `${service.url}/v1/channels/${name}?tenant=acme`, { target })).status).toBe(200);
}

const mails = (id: string) => mail.taken.filter(({ text }) => text.includes(id));

test("a held call and what became of it reach Teams as cards, tried again under one key", async () => {
  const answers = [500, 429];
  workflow.answer = () => ({ status: answers.shift() ?? 202 });
  const id = await hold(around, { agent: "agent-1" });
  const cards = () => workflow.heard.filter(({ text }) => text.includes(id));
  await until(() => cards().length === 3);
  expect(new Set(cards().map(({ headers }) => headers["x-idempotency-key"])).size).toBe(1);
  expect(JSON.parse(cards()[0]?.text ?? "").attachments[0].content.actions[0].url).toBe(`https://console.acme.test/approvals/${id}`);
  await cast(around, service, id, "bob@acme.test", "deny");
  await until(() => cards().some(({ text }) => text.includes("denied by bob@acme.test")));
  expect(service.output()).not.toContain("s3cret");
});

test("each recipient gets a mail of their own, tried again under one Message-ID, and one that is refused delays no other", async () => {
  mail.refuse = 2;
  const id = await hold(around, { agent: "agent-2" });
  await until(() => new Set(mails(id).map(({ to }) => to)).size === 2);
  const text = mails(id)[0]?.text ?? "";
  expect(text).toMatch(/^Subject: stripe-payments:create_payment by agent-2 waits for people/m);
  expect(text).toMatch(/^Message-ID: <[0-9a-f-]{36}@aegis\.invalid>/im);
  expect(text).toContain("Arguments (redacted)");
  expect(mails(id)).toHaveLength(2);
  await cast(around, service, id, "bob@acme.test", "approve");
  await until(() => mails(id).filter(({ text }) => text.includes("approved by bob@acme.test")).length === 2);
});

/** As much of RFC 5321 as takes a mail. */
async function smtpPeer() {
  const taken: { to: string; text: string }[] = [];
  const state = { taken, refuse: 0 };
  const server = createServer((socket) => {
    let [buffered, to, data] = ["", "", false];
    socket.on("error", () => undefined);
    socket.write("220 mail.acme.test ESMTP\r\n");
    socket.on("data", (chunk) => {
      buffered += chunk.toString();
      for (;;) {
        const end = data ? buffered.indexOf("\r\n.\r\n") : buffered.indexOf("\r\n");
        if (end < 0) return;
        const line = buffered.slice(0, end);
        buffered = buffered.slice(end + (data ? 5 : 2));
        if (data) {
          data = false;
          const refused = mail.refuse > 0;
          if (refused) mail.refuse--;
          else taken.push({ to, text: line.replaceAll("=\r\n", "") });
          socket.write(refused ? "451 try again\r\n" : "250 taken\r\n");
        } else if (/^RCPT TO:/i.test(line)) {
          to = line.slice(8);
          socket.write("250 ok\r\n");
        } else if (/^DATA/i.test(line)) {
          data = true;
          socket.write("354 go on\r\n");
        } else if (/^QUIT/i.test(line)) socket.end("221 bye\r\n");
        else socket.write("250 ok\r\n");
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, ...state };
}
