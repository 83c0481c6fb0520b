// A control: each of these faults of a plugin is found by the check in inert.cjs.
const assert = require('node:assert');
const net = require('node:net');
const express = require('express');
const mongoose = require('mongoose');
const syncmedia = require('syncmedia');
const testing = require('syncmedia/testing');
const { checkWithoutDatabase } = require('./inert.cjs');

const faults = {
  'no fault': () => () => undefined,
  'a timer': () => {
    const timer = setInterval(() => undefined, 1000);
    return () => clearInterval(timer);
  },
  'a connection': () => {
    const socket = net.connect(9, '127.0.0.1').on('error', () => undefined).unref();
    return () => socket.destroy();
  },
  'a line in the log': () => {
    console.warn('a warning');
    return () => undefined;
  },
  'a warning of the process': () => {
    process.emitWarning('a warning');
    return () => undefined;
  },
};

async function main() {
  for (const [what, commit] of Object.entries(faults)) {
    let end;
    const startSyncMedia = async () => {
      const sync = await syncmedia.startSyncMedia();
      end = commit();
      return sync;
    };
    const found = await checkWithoutDatabase({ express, mongoose, syncmedia: { ...syncmedia, startSyncMedia }, testing }).then(() => 'nothing', (error) => error.name);
    end();
    assert.equal(found, what === 'no fault' ? 'nothing' : 'AssertionError', what);
  }
  console.log('found');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
