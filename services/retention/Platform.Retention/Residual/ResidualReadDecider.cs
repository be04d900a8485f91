using Platform.EventStore;

namespace Platform.Retention.Residual;

/// <summary>Hand out residual data.</summary>
internal sealed record ReadResidualData(
    Guid ReadId, string DataClass, string OperatorId, string Purpose, int Rows, DateTimeOffset At);

/// <summary>
/// The rules of reading what stays: no read without a purpose, and each is on record before its rows leave.
/// </summary>
internal static class ResidualReadDecider
{
    public const int LongestPurpose = 200;

    public static Decision<ResidualReadEvent> Decide(ResidualReadState current, ReadResidualData command)
    {
        if (string.IsNullOrWhiteSpace(command.Purpose) || command.Purpose.Length > LongestPurpose)
        {
            return ResidualRejections.PurposeMissing;
        }

        return current.IsRecorded
            ? Decision<ResidualReadEvent>.Unchanged
            : new ResidualDataRead(
                command.ReadId,
                command.DataClass,
                command.OperatorId,
                command.Purpose,
                command.Rows,
                ReadAt: command.At);
    }
}
