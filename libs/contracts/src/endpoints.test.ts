import { expect, test } from "vitest";
import { readEndpoints } from "./endpoints.ts";

const http = { http: "http://127.0.0.1:9110" };
const both = { ...http, grpc: "127.0.0.1:9191" };
const fabric = {
  authz: both,
  token: http,
  "policy-compiler": http,
  approvals: both,
  budget: both,
  audit: http,
  nats: "nats://127.0.0.1:4222",
  postgres: "postgres://reader@127.0.0.1/aegis",
  postgresSuperuser: "postgres://postgres@127.0.0.1/aegis",
  issuer: "http://127.0.0.1:9199",
  replicas: { authz: [{ ...both, pid: 17 }] },
};

test("a fabric's endpoints are read as they are", () => {
  expect(readEndpoints(fabric)).toBe(fabric);
});

test("a document that lacks or distorts any member describes no fabric", () => {
  const lacking = Object.keys(fabric).map((member) => ({ ...fabric, [member]: undefined }));
  const distorted = [
    ...[undefined, null, [], "text", 7, {}],
    { ...fabric, token: "http://127.0.0.1:9110" },
    { ...fabric, token: { http: "nowhere" } },
    { ...fabric, authz: http },
    { ...fabric, nats: 4222 },
    { ...fabric, replicas: { authz: {} } },
    { ...fabric, replicas: { authz: [null] } },
    { ...fabric, replicas: { authz: [{ ...both, pid: "17" }] } },
  ];
  for (const document of [...lacking, ...distorted]) expect(readEndpoints(document), JSON.stringify(document)).toBeUndefined();
});
