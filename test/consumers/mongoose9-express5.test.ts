import { describeConsumer } from './consumer.js';

describeConsumer('mongoose9-express5');
