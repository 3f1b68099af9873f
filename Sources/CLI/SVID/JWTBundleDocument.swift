import JOSE

/// The JWK Set of a trust domain, as it was sent.
enum JWTBundleDocument {
    /// How many keys there are in it; 0 where it is none.
    static func keyCount(_ document: [UInt8]) -> Int {
        (try? JSONReader.read(document, limits: HTTPFetcher.limits))?.objectValue?["keys"]?.arrayValue?.count ?? 0
    }
}
