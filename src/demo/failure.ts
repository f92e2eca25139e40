/** A command of the tour ended badly. The tour stops there, and its exit code becomes the tour's. */
export class CommandFailed extends Error {
  constructor(
    readonly line: string,
    readonly exitCode: number,
  ) {
    super(`'${line}' ended with exit code ${exitCode}`);
    this.name = 'CommandFailed';
  }
}
