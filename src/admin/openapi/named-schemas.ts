import type { GenericSchema } from 'valibot';
import { errorAnswer } from '../answers/error.js';
import { failureAnswer } from '../answers/failure.js';
import { documentAnswer, fileAnswer } from '../answers/file.js';
import { historyRestore, historyVersion } from '../answers/history.js';
import { hostAnswer, hostName } from '../answers/host.js';
import { changeAnswer, endAnswer } from '../answers/live-events.js';
import { hostOverview, needAnswer, overviewAnswer, runSummary } from '../answers/overview.js';
import { comparisonAnswer, recoverableAnswer } from '../answers/recoverable.js';
import { runAnswer } from '../answers/run.js';
import { auditAnswer, doctorCheck, hostStatusAnswer, statusAnswer } from '../answers/status.js';

/** The schemas that OpenAPI describes once, by name. */
export const namedSchemas: Readonly<Record<string, GenericSchema>> = {
  AuditEntry: auditAnswer,
  ConflictComparison: comparisonAnswer,
  DoctorCheck: doctorCheck,
  DocumentStatus: documentAnswer,
  Error: errorAnswer,
  Failure: failureAnswer,
  FileStatus: fileAnswer,
  HistoryRestore: historyRestore,
  HistoryVersion: historyVersion,
  Host: hostAnswer,
  HostName: hostName,
  HostOverview: hostOverview,
  HostStatus: hostStatusAnswer,
  LiveChange: changeAnswer,
  LiveEnd: endAnswer,
  Need: needAnswer,
  Overview: overviewAnswer,
  RecoverableFile: recoverableAnswer,
  Run: runAnswer,
  RunSummary: runSummary,
  Status: statusAnswer,
};
