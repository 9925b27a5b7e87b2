import { email, ip, mac, phone } from "./contact.ts";
import type { Detector } from "./detector.ts";
import { creditCard, cryptoWallet, iban } from "./financial.ts";
import { dateOfBirth, medicalRecordNumber, passport, ukNhs, usItin, usSsn } from "./personal.ts";
import { secret, urlCredentials } from "./secrets.ts";

/** Every detector by the name that policies use. */
const detectors = {
  email,
  phone,
  credit_card: creditCard,
  iban,
  us_ssn: usSsn,
  us_itin: usItin,
  uk_nhs: ukNhs,
  ip,
  mac,
  date_of_birth: dateOfBirth,
  medical_record_number: medicalRecordNumber,
  passport,
  crypto_wallet: cryptoWallet,
  url_credentials: urlCredentials,
  secret,
} as const satisfies Record<string, Detector>;

export type DetectorName = keyof typeof detectors;

/** The names, in the order of the table. */
export const detectorNames = Object.keys(detectors) as readonly DetectorName[];

/** A detector by a name that is known to be one. */
export const detectorOf = (name: DetectorName): Detector => detectors[name];
