/** What is wrong with an expression, where, and what to do about it. Offsets are UTF-16 units of the expression's text. */
export interface ExpressionFault {
  readonly offset: number;
  readonly length: number;
  readonly message: string;
  readonly hint: string;
}
