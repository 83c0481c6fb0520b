import { describeConsumer } from './consumer.js';

// Express does not care which Mongoose stands beside it.
describeConsumer('mongoose8-express4');
