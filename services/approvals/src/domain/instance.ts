/**
 * The instance an approval is bound to. An agent may name its instances; a token that names none carries one made up for that token alone
 * ("i-" and 16 hex digits). Such a name ends with the token, minutes before people answer, so it binds nothing: the empty name.
 */
export const bindingInstance = (instance: string): string => (/^i-[0-9a-f]{16}$/.test(instance) ? "" : instance);
