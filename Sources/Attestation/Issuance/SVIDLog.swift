/// Where it is written down that an SVID was given: durable before the SVID leaves.
package protocol SVIDLog: Sendable {
    /// Answers whether the record stands; not where the key that signed has stopped signing meanwhile.
    ///
    /// - Throws: ``SVIDRefusal/unavailable`` where nothing can be written now.
    func record(_ record: SVIDRecord) async throws(SVIDRefusal) -> Bool
}
