import { dateOfBirth } from "./birth.ts";
import { creditCard } from "./cards.ts";
import { email } from "./contact.ts";
import type { Detector } from "./detector.ts";
import { medicalRecordNumber, passport } from "./documents.ts";
import { cryptoWallet, iban } from "./financial.ts";
import { ip, mac } from "./network.ts";
import { ukNhs, usItin, usSsn } from "./personal.ts";
import { phone } from "./phone.ts";
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

/** A built-in detector; undefined when there is none of that name. */
export const detectorOf = (name: string): Detector | undefined =>
  Object.hasOwn(detectors, name) ? detectors[name as DetectorName] : undefined;
