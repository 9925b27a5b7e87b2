import { z } from "zod";
import { namePattern, toolPattern } from "./name-patterns.ts";

/** "sha256:" and 64 lower-case hex digits. */
export const digestPattern = /^sha256:[0-9a-f]{64}$/;

export const tenantName = z.string().regex(namePattern);
export const agentName = z.string().regex(namePattern);
export const toolName = z.string().regex(toolPattern);
export const actionName = z.string().regex(toolPattern);
export const digest = z.string().regex(digestPattern);

/** The largest argument object, in UTF-8 bytes. */
export const maxArgumentsBytes = 1024 * 1024;

/** The deepest nesting of an argument object. */
export const maxArgumentsDepth = 32;

/** Text of one line without control characters: an identifier of the caller's own making. PostgreSQL's text cannot even hold a NUL. */
export const linePattern = /^\P{Cc}*$/u;
