/** A command of the tour failed. The tour stops and exits with the same exit code. */
export class CommandFailed extends Error {
  constructor(
    readonly line: string,
    readonly exitCode: number,
  ) {
    super(`'${line}' failed with exit code ${exitCode}`);
    this.name = 'CommandFailed';
  }
}
