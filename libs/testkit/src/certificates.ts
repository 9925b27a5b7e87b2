import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import { certificateThumbprint } from "@aegis/identity/certificate";
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, type X509Certificate, X509CertificateGenerator } from "@peculiar/x509";

/** A certificate with its key, as PEM, as TLS takes them. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** RFC 8705, `x5t#S256`. */
  readonly thumbprint: string;
}

/** Who certifies, and what it certified. */
export interface Authority {
  /** As PEM. */
  readonly ca: string;
  /** A certificate for a client, or for a server on 127.0.0.1. */
  certify(name: string): Promise<Certificate>;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const day = 86_400_000;

/** A certificate authority that lives as long as the test. */
export async function certificateAuthority(name = "test authority"): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const root = await X509CertificateGenerator.createSelfSigned({
    ...{ name: `CN=${name}`, keys, signingAlgorithm: algorithm },
    ...lifetime(),
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  let serial = 1;
  return {
    ca: root.toString("pem"),
    async certify(subject) {
      const own = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      serial += 1;
      const certificate = await X509CertificateGenerator.create({
        ...{ subject: `CN=${subject}`, issuer: root.subject, publicKey: own.publicKey, signingKey: keys.privateKey },
        ...{ signingAlgorithm: algorithm, serialNumber: serial.toString(16).padStart(4, "0") },
        ...lifetime(),
        extensions: [new SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
      });
      return pemOf(certificate, own.privateKey);
    },
  };
}

const lifetime = () => ({ notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day) });

async function pemOf(certificate: X509Certificate, privateKey: webcrypto.CryptoKey): Promise<Certificate> {
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", privateKey)).toString("base64");
  return {
    cert: certificate.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    thumbprint: certificateThumbprint(new Uint8Array(certificate.rawData)),
  };
}
