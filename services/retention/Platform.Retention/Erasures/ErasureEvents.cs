namespace Platform.Retention.Erasures;

/// <summary>
/// What can happen to the data of an ended contract. Provider stream <c>erasure:{erasure id}</c>. Data class
/// <c>provider</c>.
/// </summary>
internal abstract record ErasureEvent;

/// <summary>A contract ended, and its terms say when these classes of its data die.</summary>
/// <param name="ErasureId">Identity of the erasure; follows from contract and term.</param>
/// <param name="TenantId">Whose contract it was.</param>
/// <param name="ContractId">The contract.</param>
/// <param name="ServiceCode">Its service code.</param>
/// <param name="Service">What was ordered, for example <c>ddos</c>.</param>
/// <param name="DataClasses">Classes to erase.</param>
/// <param name="MonthsAfterTermination">
/// The term that was in force, in whole months after the month of termination.
/// </param>
/// <param name="TerminatedAt">When the contract ended (UTC).</param>
/// <param name="DueAt">From this instant on nothing of it may be readable (UTC).</param>
internal sealed record ErasureScheduled(
    Guid ErasureId,
    Guid TenantId,
    Guid ContractId,
    string ServiceCode,
    string Service,
    IReadOnlyList<string> DataClasses,
    int MonthsAfterTermination,
    DateTimeOffset TerminatedAt,
    DateTimeOffset DueAt) : ErasureEvent;

/// <summary>
/// The owners of the data were asked to erase it; once at the due instant, then again as long as an answer is missing.
/// </summary>
/// <param name="ErasureId">The erasure.</param>
/// <param name="TenantId">Whose contract it was.</param>
/// <param name="ContractId">The contract.</param>
/// <param name="ServiceCode">Its service code.</param>
/// <param name="DataClasses">Classes to erase.</param>
/// <param name="Owners">Who has to answer; those of the first request stay.</param>
/// <param name="Attempt">1 for the first request.</param>
/// <param name="DueAt">See <see cref="ErasureScheduled"/>.</param>
/// <param name="RequestedAt">When it was asked (UTC).</param>
/// <param name="NextRequestAt">When it is asked again unless all have answered (UTC).</param>
internal sealed record ErasureRequested(
    Guid ErasureId,
    Guid TenantId,
    Guid ContractId,
    string ServiceCode,
    IReadOnlyList<string> DataClasses,
    IReadOnlyList<string> Owners,
    int Attempt,
    DateTimeOffset DueAt,
    DateTimeOffset RequestedAt,
    DateTimeOffset NextRequestAt) : ErasureEvent;

/// <summary>One owner proved that its part is gone.</summary>
/// <param name="ErasureId">The erasure.</param>
/// <param name="Owner">Name of the service.</param>
/// <param name="Counts">Kind of thing to number of streams or rows; zero is an answer.</param>
/// <param name="ErasedAt">When it was gone, by the owner (UTC).</param>
/// <param name="ConfirmedAt">When the proof came here (UTC).</param>
internal sealed record OwnerErasureConfirmed(
    Guid ErasureId,
    string Owner,
    IReadOnlyDictionary<string, long> Counts,
    DateTimeOffset ErasedAt,
    DateTimeOffset ConfirmedAt) : ErasureEvent;

/// <summary>The deletion certificate: every owner answered.</summary>
/// <param name="ErasureId">The erasure.</param>
/// <param name="TenantId">Whose contract it was.</param>
/// <param name="ServiceCode">Its service code.</param>
/// <param name="DataClasses">Classes that are gone.</param>
/// <param name="Counts">What was erased, by owner and kind, for example <c>reporting/incident</c>.</param>
/// <param name="TerminatedAt">When the contract ended (UTC).</param>
/// <param name="DueAt">When the term came (UTC).</param>
/// <param name="CertifiedAt">When the last answer came (UTC).</param>
internal sealed record ErasureCertified(
    Guid ErasureId,
    Guid TenantId,
    string ServiceCode,
    IReadOnlyList<string> DataClasses,
    IReadOnlyDictionary<string, long> Counts,
    DateTimeOffset TerminatedAt,
    DateTimeOffset DueAt,
    DateTimeOffset CertifiedAt) : ErasureEvent;
