namespace Platform.Contracts.Retention.V1;

/// <summary>One owner has erased its part and proves it with counts.</summary>
/// <remarks>
/// Producer: each owner (detection, mitigation, reporting, notifications, accounts). Consumer: retention. Key:
/// <see cref="ErasureId"/> and <see cref="Owner"/>.
/// </remarks>
public sealed record DataErased
{
    /// <summary>The tenant (customer) it is about.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>Service code of the contract, unique and never reused, for example <c>DP00000001</c>.</summary>
    public required string ServiceCode { get; init; }

    /// <summary>Identity of the erasure (UUID); the same contract and term always have the same.</summary>
    public required Guid ErasureId { get; init; }

    /// <summary>Name of the service, for example <c>reporting</c>.</summary>
    public required string Owner { get; init; }

    /// <summary>
    /// What was erased: kind of thing (stream kind or table) to number of streams or rows. Zero is an answer.
    /// </summary>
    public required IReadOnlyDictionary<string, long> Counts { get; init; }

    /// <summary>When it was gone (UTC).</summary>
    public required DateTimeOffset ErasedAt { get; init; }
}
