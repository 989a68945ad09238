// Numbered steps with ok or FAILED. A step that fails shows the end of the log of the processes it talked to.

export class Report {
  #steps = 0;
  #failed = 0;
  #logTail;

  /** @param {(process: string) => string} logTail */
  constructor(logTail) {
    this.#logTail = logTail;
  }

  heading(text) {
    console.log(`\n${text}`);
  }

  note(text) {
    console.log(`        ${text}`);
  }

  /** Runs `act`; what it returns is shown beside the step. Answers whether it held. */
  async step(what, processes, act) {
    this.#steps += 1;
    const number = String(this.#steps).padStart(2);
    try {
      const detail = await act();
      console.log(`${number}. ok      ${what}${detail ? `  (${detail})` : ""}`);
      return true;
    } catch (error) {
      this.#failed += 1;
      console.log(`${number}. FAILED  ${what}`);
      for (const line of String(error.message).split("\n")) this.note(line);
      for (const name of processes) {
        this.note(`--- end of the log of ${name}`);
        for (const line of this.#logTail(name).split("\n")) this.note(line);
      }
      return false;
    }
  }

  /** A step that the rest of the run stands on. */
  async must(what, processes, act) {
    if (!(await this.step(what, processes, act))) throw new Stop(`cannot go on without: ${what}`);
  }

  summary() {
    console.log(`\n${this.#steps - this.#failed} passed, ${this.#failed} failed`);
    return this.#failed === 0 && this.#steps > 0;
  }
}

/** Ends the run early; the reason has been shown. */
export class Stop extends Error {}
