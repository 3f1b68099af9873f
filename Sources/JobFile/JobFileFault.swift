// Everything that can be wrong with a job file, as data: the sentences are elsewhere.

package import JOSE

/// Everything that can be wrong with a job file.
package enum JobFileFault: Hashable, Sendable {
    /// Another kind of value stands where a mapping is due.
    case mappingExpected
    /// Another kind of value stands where one text is due.
    case textExpected
    /// Another kind of value stands where a text or a list of texts is due.
    case textOrListExpected
    /// `file:` is neither `true` nor `false`.
    case booleanExpected
    /// The file has no job of this name, but these.
    case noSuchJob(known: [ByteString])
    /// `extends:` names a job that is not in the file.
    case parentUnknown(ByteString)
    /// The jobs that `extends:` names lead back to one another, or are too many.
    case tooManyParents
    /// An id token has no `aud:`.
    case audienceMissing
    /// A key that has no meaning in this place.
    case keyUnknown(ByteString)
    /// A text holds a variable, and nothing here expands it.
    case variableNotExpanded
    /// A name that no variable may have, or that is taken.
    case variableNameRefused
    /// A secret, and no id token to fetch it with.
    case secretWithoutToken
    /// `token:` names none of the job's id tokens.
    case tokenUnknown(ByteString)
    /// A secret that does not come from Vault.
    case sourceUnknown
    /// Not `path/field` or `path/field@engine`.
    case vaultPathMalformed
    /// An engine other than `kv-v2`, `kv-v1` and `generic`.
    case engineUnknown(ByteString)
    /// `id-token:` is none of `write`, `read` and `none`.
    case permissionUnknown
    /// The environment's name holds a variable, and the caller has not said what it is.
    case environmentNotExpanded
    /// The file names another environment than the caller.
    case environmentDiffers(stated: ByteString)
}
