namespace Platform.Detection.Bandwidth;

/// <summary>What can have happened to the use that an object makes of its declared bandwidth. Apart from attacks: nobody attacks anybody here.</summary>
internal abstract record BandwidthEvent;

/// <summary>
/// The mean of a minute was above what the contract declares as the most: an excess begins, or the one that began at the same time grew by a quarter of the most
/// that was told of it.
/// </summary>
/// <param name="ObjectId">The protected object.</param>
/// <param name="ServiceCode">Its contract; kept here so that erasure finds the stream.</param>
/// <param name="DeclaredBitsPerSecond">What was declared then.</param>
/// <param name="BitsPerSecond">Mean of that minute.</param>
/// <param name="Since">Start of the first minute above (UTC).</param>
/// <param name="RecognisedAt">When it was seen (UTC).</param>
/// <param name="GrewAt">Start of that minute, where it is a later one (UTC); null: the excess begins.</param>
internal sealed record BandwidthExceeded(
    Guid ObjectId,
    string ServiceCode,
    long DeclaredBitsPerSecond,
    long BitsPerSecond,
    DateTimeOffset Since,
    DateTimeOffset RecognisedAt,
    DateTimeOffset? GrewAt = null) : BandwidthEvent;

/// <summary>For some minutes it was within what is declared.</summary>
/// <param name="ObjectId">The protected object.</param>
/// <param name="ServiceCode">Its contract.</param>
/// <param name="DeclaredBitsPerSecond">What is declared now.</param>
/// <param name="PeakBitsPerSecond">Mean of the busiest minute.</param>
/// <param name="Since">Start of the first minute above (UTC).</param>
/// <param name="Until">End of the last one (UTC).</param>
/// <param name="RecognisedAt">When it was seen (UTC).</param>
internal sealed record BandwidthKept(
    Guid ObjectId,
    string ServiceCode,
    long DeclaredBitsPerSecond,
    long PeakBitsPerSecond,
    DateTimeOffset Since,
    DateTimeOffset Until,
    DateTimeOffset RecognisedAt) : BandwidthEvent;
