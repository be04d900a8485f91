namespace Platform.Retention.Residual;

/// <summary>
/// The access log of the residual data. Provider stream <c>residual-read:{read id}</c>, one per read. Data class
/// <c>provider</c>.
/// </summary>
internal abstract record ResidualReadEvent;

/// <summary>Somebody of the provider's staff read residual data.</summary>
/// <remarks>What was looked for is not in it: an address must stand in the residual store and nowhere else.</remarks>
/// <param name="ReadId">Identity of the read (UUID version 7).</param>
/// <param name="DataClass"><c>residual-detection</c> or <c>residual-configuration</c>.</param>
/// <param name="OperatorId">Who read.</param>
/// <param name="Purpose">Why, in the reader's words.</param>
/// <param name="Rows">How many rows were handed out.</param>
/// <param name="ReadAt">When (UTC).</param>
internal sealed record ResidualDataRead(
    Guid ReadId,
    string DataClass,
    string OperatorId,
    string Purpose,
    int Rows,
    DateTimeOffset ReadAt) : ResidualReadEvent;
