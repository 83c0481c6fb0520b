import * as v from 'valibot';
import type { HistoryRestore, HistoryVersion } from '../api/history.js';
import { pictureTypes } from '../model/picture-type.js';
import type { Run } from '../model/run.js';
import { type AdminRoute, get, post } from './admin-route.js';
import { historyRestore, historyVersion } from './answers/history.js';
import { objectOf } from './answers/json.js';
import { runAnswer } from './answers/run.js';
import { booleanField, countField, textField } from './fields.js';
import { downloadType, makeAttachmentHeader, sendVersion } from './send-version.js';

const versionFields = { path: textField(4096), at: textField(64) };
const restoreAnswer = objectOf<{ restore: HistoryRestore }>({ restore: historyRestore });

/** Earlier versions of files. With a backend that keeps none, each answers NO_HISTORY. */
export const historyRoutes: readonly AdminRoute[] = [
  get('/history', {
    about: 'the versions of a file that this host remembers, the newest first',
    query: { path: textField(4096), limit: v.exactOptional(countField(1, 1000)) },
    answer: objectOf<{ versions: HistoryVersion[] }>({ versions: v.array(historyVersion) }),
    handle: async (sync, { query: { path, limit = 100 } }) => ({
      status: 200,
      body: { versions: await sync.history.list(path, limit) },
    }),
  }),
  get('/history/content', {
    about: 'the bytes of a version: as a picture if they are one, else to save',
    query: versionFields,
    contentTypes: [...pictureTypes, downloadType],
    handle: async (sync, { query: { path, at } }) => {
      const version = await sync.history.show(path, at);
      const body = await sync.history.read(path, version.revision);
      return {
        status: 200,
        contentType: downloadType,
        headers: makeAttachmentHeader(version.path),
        write: (response) => sendVersion(response, body, version.info?.size ?? 0),
      };
    },
  }),
  get('/history/restore', {
    about: 'what a restore of a version would do',
    query: versionFields,
    answer: restoreAnswer,
    handle: async (sync, { query: { path, at } }) => ({
      status: 200,
      body: { restore: await sync.history.restore(path, at) },
    }),
  }),
  post('/history/restore-dir', {
    about: 'restore a sync dir of this host as it was at a time, on every host',
    body: {
      dir: textField(4096),
      at: textField(64),
      before: v.exactOptional(textField(64)),
      dryRun: v.exactOptional(booleanField),
    },
    statuses: [202],
    answer: objectOf<{ run: Run }>({ run: runAnswer }),
    handle: async (sync, { body: { dir, at, dryRun = true, ...end }, requester }) => {
      const options = { dryRun, ...end, by: requester.description };
      const run = await sync.history.restoreDir(dir, at, options);
      return { status: 202, body: { run }, location: `/runs/${run.id}` };
    },
  }),
  post('/history/restore', {
    about: 'restore a version on every host, as a new version',
    body: { ...versionFields, current: v.exactOptional(v.nullable(textField(64))) },
    answer: restoreAnswer,
    handle: async (sync, { body: { path, at, ...shown }, requester }) => ({
      status: 200,
      body: {
        restore: await sync.history.restore(path, at, {
          ...shown,
          dryRun: false,
          by: requester.description,
        }),
      },
    }),
  }),
];
