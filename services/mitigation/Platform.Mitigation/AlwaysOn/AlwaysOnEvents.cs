using Platform.EventStore;

namespace Platform.Mitigation.AlwaysOn;

/// <summary>What can have happened to the always-on option of one contract.</summary>
internal abstract record AlwaysOnEvent;

/// <summary>The contract's traffic runs through the scrubbers always from now on.</summary>
/// <param name="OrderId">Identity of the option of this contract: an order after a cancellation meets what may still stand.</param>
/// <param name="ServiceCode">The contract, so that erasure finds the stream.</param>
/// <param name="Note">Why.</param>
/// <param name="OrderedAt">When (UTC).</param>
internal sealed record AlwaysOnOrdered(
    Guid OrderId, [property: SealScope] string ServiceCode, [property: Sealed] string Note, DateTimeOffset OrderedAt) : AlwaysOnEvent;

/// <summary>It runs through them only under attack from now on.</summary>
/// <param name="OrderId">See <see cref="AlwaysOnOrdered"/>.</param>
/// <param name="ServiceCode">See <see cref="AlwaysOnOrdered"/>.</param>
/// <param name="Note">Why.</param>
/// <param name="CancelledAt">When (UTC).</param>
internal sealed record AlwaysOnCancelled(
    Guid OrderId, [property: SealScope] string ServiceCode, [property: Sealed] string Note, DateTimeOffset CancelledAt) : AlwaysOnEvent;
