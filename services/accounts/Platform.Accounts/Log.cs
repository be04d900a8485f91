using Platform.Accounts.Operators;

namespace Platform.Accounts;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Sign-in of operator {OperatorId} from {SourceAddress}: {Result}")]
    public static partial void SignIn(this ILogger log, Guid? operatorId, SignIn.Result result, string sourceAddress);

    [LoggerMessage(2, LogLevel.Information, "First provider operator {OperatorId}: {Outcome}")]
    public static partial void FirstOperator(this ILogger log, Guid operatorId, string outcome);
}
