import { expect, test } from 'vitest';
import { readAnswer } from '../../src/page/read-answer.js';
import { texts } from '../../src/page/texts.js';

const read = (status: number, text: string) => (): unknown =>
  readAnswer({ ok: status < 300, status }, text);

test('JSON is read, and an empty answer is none', () => {
  expect(read(200, '{"hosts":[]}')()).toEqual({ hosts: [] });
  expect(read(204, '')()).toBeUndefined();
});

test('an error of the router has its words', () => {
  const error = { code: 'CHANGED', message: 'It changed.', remedy: 'Look again.' };
  expect(read(409, JSON.stringify({ error }))).toThrow(
    expect.objectContaining({ status: 409, ...error }),
  );
});

test('the page of a proxy in place of an answer is named as that, with a remedy', () => {
  expect(read(200, '<!doctype html><title>Sign in</title>')).toThrow(
    expect.objectContaining({
      status: 200,
      message: texts.answeredByOther,
      remedy: texts.answeredByOtherRemedy,
    }),
  );
  expect(read(502, '<h1>Bad Gateway</h1>')).toThrow(
    expect.objectContaining({ status: 502, message: texts.answeredWith(502) }),
  );
});
