import { mutualTlsOf } from "@aegis/service/config";
import { certificateAuthority } from "@aegis/testkit/certificates";
import { expect, test } from "vitest";

test("mutual TLS is set up whole and usable, or not at all", async () => {
  const { ca, certify } = await certificateAuthority();
  const [own, other] = [await certify("x"), await certify("y")];
  const whole = { mtlsPort: 9443, mtlsCertificate: own.cert, mtlsKey: own.key, mtlsClientAuthorities: ca };
  expect(mutualTlsOf({})).toBeUndefined();
  expect(mutualTlsOf(whole)).toEqual({ port: 9443, certificate: own.cert, key: own.key, clientAuthorities: ca });
  for (const name of Object.keys(whole)) expect(() => mutualTlsOf({ ...whole, [name]: undefined }), name).toThrow("needs all of");
  const unusable = [
    { mtlsCertificate: "/etc/own.pem", says: "MTLS_CERTIFICATE" },
    { mtlsCertificate: own.key, says: "MTLS_CERTIFICATE" },
    { mtlsKey: other.key, says: "MTLS_KEY" },
    { mtlsKey: own.cert, says: "MTLS_KEY" },
    { mtlsClientAuthorities: own.key, says: "MTLS_CLIENT_AUTHORITIES" },
  ];
  for (const { says, ...change } of unusable) expect(() => mutualTlsOf({ ...whole, ...change }), JSON.stringify(change)).toThrow(says);
});
