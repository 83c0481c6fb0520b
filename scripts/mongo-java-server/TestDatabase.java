import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import io.netty.channel.Channel;
import java.util.List;
import org.h2.mvstore.MVStore;

/** mongo-java-server in memory on a free loopback port; ends when its standard input does, so it outlives no parent. */
public final class TestDatabase {
    /** Current drivers talk to nothing below wire version 8 and Mongoose 9's to nothing below 9; 13 is MongoDB 5.0. */
    private enum Announced implements MongoVersion {
        MONGO_5_0;

        @Override public List<Integer> getVersionArray() { return List.of(5, 0, 0); }
        @Override public int getWireVersion() { return 13; }
    }

    private static final class Backend extends H2Backend {
        Backend() { super(MVStore.open(null)); }

        @Override public Document handleCommand(Channel channel, String database, String command, Document query) {
            return withSessions(command, super.handleCommand(channel, database, command, query));
        }

        @Override public Document handleMessage(MongoMessage message) {
            Document document = message.getDocument();
            String command = document.keySet().iterator().next();
            if (command.equals("hello")) { // It only knows the old name of this command.
                command = "isMaster";
                Document renamed = new Document(command, 1).appendAll(document);
                message = new MongoMessage(message.getChannel(), message.getHeader(), renamed);
            }
            return withSessions(command, super.handleMessage(message));
        }

        /** Without this field the driver takes the server for one without sessions and refuses startSession(). */
        private static Document withSessions(String command, Document answer) {
            return command.equalsIgnoreCase("isMaster") ? answer.append("logicalSessionTimeoutMinutes", 30) : answer;
        }
    }

    public static void main(String[] arguments) throws Exception {
        MongoServer server = new MongoServer(new Backend().version(Announced.MONGO_5_0));
        server.bind("127.0.0.1", 0);
        System.out.println("port " + server.getLocalAddress().getPort());
        while (System.in.read() != -1) {
            // Only the end of the input means anything.
        }
        Runtime.getRuntime().halt(0);
    }
}
