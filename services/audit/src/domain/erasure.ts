/** How long an erasure waits for a second person, in milliseconds. */
export const erasureMs = 24 * 3_600_000;

/** The name of a key, as events spell it. */
export const keyText = ({ subject, generation }: { readonly subject: string; readonly generation: number }): string =>
  `${subject}.${generation}`;

/** The key that a name spells, as `sealed.key` of an event does. */
export function keyOf(text: string): { readonly subject: string; readonly generation: number } {
  const at = text.lastIndexOf(".");
  return { subject: text.slice(0, at), generation: Number(text.slice(at + 1)) };
}
