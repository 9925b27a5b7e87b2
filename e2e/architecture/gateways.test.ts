import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

const deploy = join(import.meta.dirname, "../../deploy");
const read = async (file: string) =>
  // biome-ignore lint/suspicious/noExplicitAny: manifests are looked into as they are.
  parseAllDocuments(await readFile(join(deploy, file), "utf8")).map((document) => document.toJS() as any);

/** Members of `spec.extAuth` and of what is in it, as gateway.envoyproxy.io/v1alpha1 has them. */
const known = {
  extAuth: [
    "grpc",
    "http",
    "headersToExtAuth",
    "bodyToExtAuth",
    "timeout",
    "failOpen",
    "recomputeRoute",
    "contextExtensions",
    "statusOnError",
  ],
  bodyToExtAuth: ["maxRequestBytes"],
  grpc: ["backendRefs", "backendSettings"],
  contextExtension: ["name", "type", "value", "valueRef"],
};
const strangers = (of: object, members: string[]) => Object.keys(of).filter((name) => !members.includes(name));

test("the manifest for Envoy Gateway has that API's members, fails closed, and leads to authz as the manifests deploy it", async () => {
  const service = (await read("k8s/base/authz/service.yaml")).find(({ kind }) => kind === "Service");
  const ports = service.spec.ports.map(({ port }: { port: number }) => port);
  const documents = await read("envoy/envoy-gateway.yaml");
  const policies = documents.filter(({ kind }) => kind === "SecurityPolicy");
  expect(policies.length).toBeGreaterThan(0);
  for (const { apiVersion, spec } of policies) {
    const { extAuth, targetRefs } = spec;
    expect([apiVersion, targetRefs[0].kind, extAuth.failOpen]).toEqual(["gateway.envoyproxy.io/v1alpha1", "HTTPRoute", false]);
    expect(strangers(extAuth, known.extAuth)).toEqual([]);
    expect(strangers(extAuth.bodyToExtAuth, known.bodyToExtAuth)).toEqual([]);
    expect(strangers(extAuth.grpc, known.grpc)).toEqual([]);
    const [backend] = extAuth.grpc.backendRefs;
    expect([backend.name, ports.includes(backend.port)]).toEqual([service.metadata.name, true]);
    for (const extension of extAuth.contextExtensions) {
      expect(strangers(extension, known.contextExtension)).toEqual([]);
      expect(extension).toMatchObject({ name: expect.stringMatching(/^aegis-(?:tool|action|obligations)$/), type: "Value" });
    }
  }
});
