// Bounds of what is read.

extension JSONReader {
    /// What a text may hold at most.
    ///
    /// Exceeding a limit is an error, never a truncation.
    package struct Limits: Hashable, Sendable {
        /// The most bytes of the whole text, whitespace included.
        package var maximumBytes: Int

        /// The most arrays and objects around a value: 0 allows only scalars, 1 also `[1]`.
        ///
        /// Never more than 128 counts.
        package var maximumDepth: Int

        /// The most members of one object.
        package var maximumMembers: Int

        /// The most elements of one array.
        package var maximumElements: Int

        /// Creates limits; the defaults are those of every request body we read.
        package init(
            maximumBytes: Int = 65_536,
            maximumDepth: Int = 8,
            maximumMembers: Int = 64,
            maximumElements: Int = 256
        ) {
            self.maximumBytes = maximumBytes
            self.maximumDepth = maximumDepth
            self.maximumMembers = maximumMembers
            self.maximumElements = maximumElements
        }
    }
}
