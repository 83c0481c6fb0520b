import express from 'express';
import mongoose from 'mongoose';
import * as syncmedia from 'syncmedia';
import * as testing from 'syncmedia/testing';
import inert from './inert.cjs';

const modules = { express, mongoose, syncmedia, testing };
it('needs nothing without a database', () => inert.checkWithoutDatabase(modules));
it('sends the database of the application nothing of its own', () => inert.checkWithDatabase(modules), 20_000);
