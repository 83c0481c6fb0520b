import * as v from 'valibot';
import { errorCatalogue, type ErrorCode } from '../../model/error-catalogue.js';
import type { Failure } from '../../model/failure.js';
import { objectOf } from './json.js';

export const errorCode = v.picklist(Object.keys(errorCatalogue) as ErrorCode[]);

export const failureAnswer = objectOf<Failure>({
  code: errorCode,
  message: v.string(),
  retryable: v.boolean(),
  scope: v.picklist(['host', 'path']),
});
