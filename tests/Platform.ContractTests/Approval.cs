using System.Runtime.CompilerServices;

namespace Platform.ContractTests;

/// <summary>
/// Compares text with a committed file. A difference fails; run with <c>PLATFORM_APPROVE=1</c> to write the file, and let the review of
/// the diff be the approval.
/// </summary>
internal static class Approval
{
    public static void Matches(string name, string actual, [CallerFilePath] string source = "")
    {
        var file = Path.Combine(Path.GetDirectoryName(source)!, "Approved", name);
        var text = actual.ReplaceLineEndings("\n").TrimEnd() + "\n";
#pragma warning disable RS0030 // a switch of the developer, not a setting of the product
        var approve = Environment.GetEnvironmentVariable("PLATFORM_APPROVE") == "1";
#pragma warning restore RS0030
        if (approve)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
        }

        Assert.True(File.Exists(file), $"Nothing approved as {name}. Look at the promise, then run the tests with PLATFORM_APPROVE=1.");
        Assert.Equal(File.ReadAllText(file), text);
    }
}
