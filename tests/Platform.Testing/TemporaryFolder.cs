namespace Platform.Testing;

/// <summary>A folder that is gone at the end, even when the test process is killed.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private bool _left;

    public TemporaryFolder(string purpose)
    {
        FullName = Directory.CreateTempSubdirectory($"platform-{purpose}-").FullName;
        Reaper.Remove(FullName);
    }

    public string FullName { get; }

    /// <summary>From now on the folder stays; whoever calls this removes it later.</summary>
    public void Leave()
    {
        _left = true;
        Reaper.Forget(FullName);
    }

    public string File(string name) => Path.Combine(FullName, name);

    public void Dispose()
    {
        if (_left)
        {
            return;
        }

        try
        {
            Directory.Delete(FullName, recursive: true);
        }
        catch (IOException)
        {
            // A server that was killed a moment ago may still be writing; the reaper removes what is left.
        }
    }
}
