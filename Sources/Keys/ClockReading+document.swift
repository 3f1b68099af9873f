import JOSE

/// How a store keeps a reading.
extension ClockReading {
    /// The reading as a JSON object; of the time since the start, its whole seconds.
    package var document: [UInt8] {
        JSONObject([
            ("wall", .integer(wall.secondsSinceEpoch)),
            ("sinceBoot", .integer(sinceBoot.components.seconds)),
            ("boot", .string(boot)),
        ]).serialized
    }

    /// Nil where the document is no reading.
    package init?(document: [UInt8]) {
        guard case .object(let object)? = try? JSONReader.read(document), case .integer(let wall)? = object["wall"],
            case .integer(let sinceBoot)? = object["sinceBoot"], case .string(let boot)? = object["boot"]
        else { return nil }
        self.init(wall: NumericDate(secondsSinceEpoch: wall), sinceBoot: .seconds(sinceBoot), boot: boot)
    }
}
