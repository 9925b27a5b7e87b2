import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { AegisError } from "@aegis/contracts/errors";
import { afterAll, expect, test } from "vitest";
import { callHttp, callJson } from "./client.ts";

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close().closeAllConnections();
});

async function serving(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Tells what it was sent. */
const echo: RequestListener = async (request, response) => {
  const { method, url, headers } = request;
  const body = await text(request);
  response.end(JSON.stringify({ method, url, type: headers["content-type"], authorization: headers.authorization, body }));
};

const refusal = async (call: Promise<unknown>): Promise<Partial<AegisError>> => {
  const caught: unknown = await call.catch((error: unknown) => error);
  if (!(caught instanceof AegisError)) throw new Error("it was not refused with an AegisError", { cause: caught });
  const { code, message, details } = caught;
  return { code, message, ...(details === undefined ? {} : { details }) };
};

test("a call carries its bearer, its form or JSON, and the method that belongs to it", async () => {
  const url = await serving(echo);
  expect(await callJson(`${url}/a?b=1`, { bearer: "t" })).toEqual({ method: "GET", url: "/a?b=1", authorization: "Bearer t", body: "" });
  expect(await callJson(url, { json: { name: "Zoë" } })).toMatchObject({
    method: "POST",
    type: "application/json",
    body: '{"name":"Zoë"}',
  });
  expect(await callJson(url, { form: { a: "1 &" } })).toMatchObject({
    body: "a=1+%26",
    type: expect.stringContaining("x-www-form-urlencoded"),
  });
  expect(await callJson(url, { method: "PUT", json: 1 })).toMatchObject({ method: "PUT", body: "1" });
  expect(await (await callHttp(url, { json: { name: "Zoë" }, bearer: "t" })).json()).toMatchObject({
    method: "POST",
    body: '{"name":"Zoë"}',
  });
});

test("an answer without content is undefined", async () => {
  const url = await serving((_, response) => response.writeHead(204).end());
  expect(await callJson(url, { method: "DELETE" })).toBeUndefined();
});

test("a refusal keeps the peer's code, its words and its details", async () => {
  const problem = { type: "about:blank", title: "Conflict", status: 409, detail: "it is there", code: "already_exists", faults: [1] };
  const url = await serving((_, response) => response.writeHead(409).end(JSON.stringify(problem)));
  const told = { code: "already_exists", message: "it is there", details: { faults: [1] } };
  expect(await refusal(callJson(url))).toEqual(told);
  expect(await refusal(callHttp(url))).toEqual(told);
  const oauth = await serving((_, response) => response.writeHead(400).end('{"error":"invalid_scope","error_description":"no"}'));
  expect(await refusal(callJson(oauth))).toEqual({ code: "invalid_argument", message: "no", details: { error: "invalid_scope" } });
});

test("what is no JSON, a redirect, silence, a broken answer and nobody at all are errors, never an empty answer", async () => {
  const page = await serving((_, response) => response.end("<html>"));
  expect(await refusal(callJson(page))).toMatchObject({ code: "unavailable" });
  const elsewhere = await serving((_, response) => response.writeHead(302, { location: page }).end("{}"));
  expect(await refusal(callJson(elsewhere))).toMatchObject({ message: "HTTP 302" });
  const silent = await serving(() => {});
  expect(await refusal(callJson(silent, { timeoutMs: 50 }))).toMatchObject({ code: "unavailable" });
  const broken = await serving((_, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write('{"a":1}');
    response.socket?.destroySoon();
  });
  expect(await refusal(callJson(broken))).toMatchObject({ code: "unavailable" });
  expect(await refusal(callJson("http://127.0.0.1:1/"))).toEqual({ code: "unavailable", message: "http://127.0.0.1:1 cannot be reached" });
});
