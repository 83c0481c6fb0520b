import * as v from 'valibot';
import { type AnswerCode, type ErrorBody, errorStatuses } from '../answer-error.js';
import { objectOf } from './json.js';

export const errorAnswer = objectOf<ErrorBody>({
  error: objectOf<ErrorBody['error']>({
    code: v.picklist(Object.keys(errorStatuses) as AnswerCode[]),
    message: v.string(),
    remedy: v.string(),
  }),
});
