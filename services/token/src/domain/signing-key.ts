/** How long a new key is published before it signs: longer than a verifier keeps a key set without looking again, and clocks differ. */
export const announceSeconds = 11 * 60;

/** The least that this can be: verifiers look for a key that they do not know at most every 30 s, and may wait 5 s for the answer. */
export const leastAnnounceSeconds = 35;

/** How long a key stays published after it last signed: the life of its last token, and clocks differ. */
export const lingerSeconds = (tokenSeconds: number): number => tokenSeconds + 60;

/** Times in milliseconds since the epoch. */
export interface KeyTimes {
  readonly kid: string;
  readonly signsFrom: number;
  readonly publishedUntil: number | undefined;
}

/** The key that signs now: of those already in force, the newest. */
export function signingKey<K extends KeyTimes>(keys: readonly K[], now: number): K | undefined {
  return keys
    .filter((key) => key.signsFrom <= now && isPublished(key, now))
    .reduce<K | undefined>((newest, key) => (newest === undefined || key.signsFrom > newest.signsFrom ? key : newest), undefined);
}

/** The keys verifiers are told of: those that sign, will sign, or signed what may still be good. */
export const publishedKeys = <K extends KeyTimes>(keys: readonly K[], now: number): K[] => keys.filter((key) => isPublished(key, now));

/** Whether a rotation may begin: one at a time, so that there is always a key that every verifier knows; on schedule, only once the newest has signed for `olderThanMs`. */
export const mayRotate = (keys: readonly KeyTimes[], now: number, olderThanMs = 0): boolean =>
  keys.every((key) => key.signsFrom <= now - olderThanMs);

const isPublished = (key: KeyTimes, now: number): boolean => key.publishedUntil === undefined || now < key.publishedUntil;
