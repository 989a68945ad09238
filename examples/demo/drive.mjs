// Runs a demo to its end: the summary and exit code are those of its report, and no process outlives it.
import { Stop } from "./report.mjs";

export async function drive(processes, report, demo) {
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, async () => {
      await processes.stopAll();
      process.exit(130);
    });
  }
  try {
    await demo();
    process.exitCode = report.summary() ? 0 : 1;
  } catch (error) {
    report.summary();
    console.error(error instanceof Stop ? error.message : error);
    process.exitCode = 1;
  } finally {
    await processes.stopAll();
  }
}
