import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { certificateThumbprint, forwardedThumbprint } from "./certificate.ts";

// RFC 8705, appendix A.
const pem = `-----BEGIN CERTIFICATE-----
MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx
ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ
/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID
SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV
bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=
-----END CERTIFICATE-----`;
const { raw } = new X509Certificate(pem);
const thumbprint = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
const hash = Buffer.from(thumbprint, "base64url").toString("hex");

test("RFC 8705 appendix A: the certificate's thumbprint is the example's", () => {
  expect(certificateThumbprint(raw)).toBe(thumbprint);
});

test.each([
  `Hash=${hash}`,
  `By=spiffe://acme/authz;Hash=${hash.toUpperCase()};URI=spiffe://acme/finance`,
  `Subject="CN=a,O=\\"b;Hash=${"0".repeat(64)}\\"";hash=${hash}`,
])("a header that names one certificate gives its thumbprint", (header) => {
  expect(forwardedThumbprint(header)).toBe(thumbprint);
});

test.each([
  "",
  "Hash=",
  `Hash=${hash.slice(1)}`,
  `Hash=${hash}0`,
  `Hash="${hash}"`,
  `Hash=${hash};Hash=${hash}`,
  `Hash=${"0".repeat(64)},Hash=${hash}`,
  `By=x,Hash=${hash}`,
  `Hash=${hash};By=x,By=y`,
  `Subject="CN=a;Hash=${hash}"`,
  `Subject="a"Hash=${hash}`,
  thumbprint,
])("a header that does not gives none: %s", (header) => {
  expect(forwardedThumbprint(header)).toBeUndefined();
});
