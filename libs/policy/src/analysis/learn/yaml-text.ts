const plain = /^[A-Za-z_][A-Za-z0-9_/.-]*$/;
const words = /^(?:true|false|null|yes|no|on|off|y|n)$/i;

/** A string as YAML that every reader reads as that string. */
export const yamlText = (text: string): string => (plain.test(text) && !words.test(text) ? text : JSON.stringify(text));

export const yamlList = (texts: readonly string[]): string => `[${texts.map(yamlText).join(", ")}]`;

export const thousands = (count: number): string => count.toLocaleString("en-US");

/** The same of a text full of double quotes. */
export const yamlQuoted = (text: string): string => (/^[ -~]*$/.test(text) ? `'${text.replaceAll("'", "''")}'` : JSON.stringify(text));
